"""Naive window detectors, written from their definitions."""

import numpy as np


def blocks(features, window, others):
    """Root of the mean squared distance of the last block of rows to those before it."""
    statistic = np.zeros(len(features))
    for t in range((others + 1) * window, len(features) + 1):
        means = [
            features[t - (k + 1) * window : t - k * window].mean(axis=0) for k in range(others + 1)
        ]
        squares = [((mean - means[0]) ** 2).sum() for mean in means[1:]]
        statistic[t - 1] = np.sqrt(np.mean(squares))
    return statistic


def last_against(features, window, reference):
    """Distance of the mean of the last rows to the mean of the first ones."""
    mean = features[:reference].mean(axis=0)
    statistic = np.zeros(len(features))
    for t in range(reference + 1, len(features) + 1):
        statistic[t - 1] = np.linalg.norm(features[t - window : t].mean(axis=0) - mean)
    return statistic


def sliced(rows, head, directions, levels, flattest, window):
    """Quantile shifts along slices to the first order, from shares of rows below the knots."""
    statistic = np.zeros(len(rows))
    for t in range(2 * window, len(rows) + 1):
        squares = []
        for direction in directions:
            knots = np.quantile(head @ direction, levels)
            slopes = np.maximum(np.gradient(knots, levels), flattest)
            places = rows[t - 2 * window : t] @ direction
            for knot, slope in zip(knots, slopes, strict=True):
                before = np.mean(places[:window] <= knot)
                after = np.mean(places[window:] <= knot)
                squares.append(((after - before) * slope) ** 2)
        statistic[t - 1] = np.sqrt(np.mean(squares))
    return statistic


def coefficients(window, others, shift=0):
    """K of s^2 = sum K_ab f_a f_b, row by row, in a stream one row longer than all blocks."""
    n = (others + 1) * window
    K = np.zeros((n + 1, n + 1))
    newest = np.zeros(n + 1)
    newest[shift : shift + window] = 1 / window
    for i in range(1, others + 1):
        other = np.zeros(n + 1)
        other[shift + i * window : shift + (i + 1) * window] = 1 / window
        K += np.outer(newest - other, newest - other) / others
    return K
