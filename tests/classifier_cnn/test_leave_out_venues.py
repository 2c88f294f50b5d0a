"""Tests that recordings are grouped into venues, and that each venue is left out once."""

import numpy as np
import pytest

from classifier_cnn import leave_out_venues, venues
from common.errors import UserError


def recordings(**venue_sizes):
    """Returns (labels, recording): a quarter of the patches show a ball, and each venue has two recordings."""
    names = [f"{venue}_{i % 2}" for venue, n in venue_sizes.items() for i in range(n)]
    return np.arange(len(names)) % 4 == 0, np.array(names)


def sizes(told):
    return dict(zip(*(values.tolist() for values in np.unique(told, return_counts=True)), strict=True))


def test_names_that_differ_only_in_the_number_are_one_venue_and_small_ones_are_pooled():
    told = leave_out_venues.find_venues(*recordings(hall=200, field=200, yard=80, lab=60), venues.VenueOptions().group)
    assert sizes(told) == {"hall": 200, "field": 200, leave_out_venues.POOLED: 140}


def test_a_pool_that_is_too_small_is_never_left_out():
    told = leave_out_venues.find_venues(*recordings(hall=200, field=200, yard=80), "^([a-z]+)_")
    assert sizes(told) == {"hall": 200, "field": 200, "": 80}


@pytest.mark.parametrize(
    ("known", "pattern"), [(False, "(.)"), (True, "(nothing)"), (True, "^(h)"), (True, "(hall|field|yard)")]
)
def test_too_few_venues_are_an_error(known, pattern):
    labels, names = recordings(hall=200, field=60)
    with pytest.raises(UserError, match="Received"):
        leave_out_venues.find_venues(labels, names if known else None, pattern)
