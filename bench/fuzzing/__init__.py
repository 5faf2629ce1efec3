"""Files damaged at random, and what reading them must come to."""
