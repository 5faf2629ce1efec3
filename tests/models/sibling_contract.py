"""The part of the contract that models share no code for, for those whose sibling has it all.

A test module runs the whole contract on one model of a family, and this on the others.
"""

from typing import ClassVar

from tests.models.contract import ModelContract
from tests.models.pair_contract import SMALL as SMALL_PAIR
from tests.models.pair_contract import PairContract

__all__ = ["SiblingContract", "SiblingPairContract"]


class SiblingContract:
    """The tests; not collected itself, as its name does not begin with Test."""

    model_class: ClassVar[type]
    small: ClassVar[dict]
    variant: ClassVar[dict] = {}
    learns_to: ClassVar[float] = ModelContract.learns_to

    make = classmethod(ModelContract.make.__func__)
    test_is_registered_by_its_kind = ModelContract.test_is_registered_by_its_kind
    test_defaults_are_those_of_the_dataclass = (
        ModelContract.test_defaults_are_those_of_the_dataclass
    )
    test_repr_makes_an_equal_model = ModelContract.test_repr_makes_an_equal_model
    test_it_learns_more_than_the_biases = ModelContract.test_it_learns_more_than_the_biases
    test_predictions_follow_the_formula = ModelContract.test_predictions_follow_the_formula
    test_unknown_ids_fall_back_to_what_is_known = (
        ModelContract.test_unknown_ids_fall_back_to_what_is_known
    )
    test_recommendations_equal_brute_force_without_what_was_seen = (
        ModelContract.test_recommendations_equal_brute_force_without_what_was_seen
    )
    test_reported_errors_are_those_of_its_predictions = (
        ModelContract.test_reported_errors_are_those_of_its_predictions
    )
    test_the_same_bits_for_any_number_of_threads = (
        ModelContract.test_the_same_bits_for_any_number_of_threads
    )
    test_saved_and_loaded_it_is_the_same = ModelContract.test_saved_and_loaded_it_is_the_same
    test_a_loaded_model_can_be_fitted_again = ModelContract.test_a_loaded_model_can_be_fitted_again
    test_bad_tables_give_finite_numbers_or_one_line = (
        ModelContract.test_bad_tables_give_finite_numbers_or_one_line
    )


class SiblingPairContract(SiblingContract):
    """For networks over pairs."""

    small = SMALL_PAIR

    test_those_without_training_ratings_are_as_the_unknown = (
        PairContract.test_those_without_training_ratings_are_as_the_unknown
    )
