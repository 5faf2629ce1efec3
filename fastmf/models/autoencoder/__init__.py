"""What `fastmf.models.autorec` is made of: ratings by row, the network, its steps, its learner."""
