"""Circles are measured in pixels of the picture, and each ball has one circle."""

import numpy as np

from dataset_tools.scanning import circles
from dataset_tools.scanning.circles import merge_circles


def test_only_the_best_of_several_overlapping_circles_is_kept():
    found = np.array([[10, 50, 50], [12, 54, 50], [10, 75, 50], [3, 52, 51]], float)
    assert merge_circles(found, np.array([0.8, 0.9, 0.7, 0.95])).tolist() == [3, 2]
    assert merge_circles(found[:0], np.empty(0)).tolist() == []


def test_a_detectors_fractions_become_pixels_of_the_picture():
    boxes = np.array([[10, 20, 50, 60]])
    assert circles.in_pixels(boxes, np.array([[0.4, 0.5, 0.25]])).tolist() == [[16, 30, 30]]
    assert circles.in_the_middle(boxes, 1.25).tolist() == [[16, 30, 40]]
