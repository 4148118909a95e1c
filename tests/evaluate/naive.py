"""Naive implementations of the metrics, from their definitions."""


def covering(truth, found, n):
    """From sets of rows between changes."""
    scores = []
    for rows in truth.values():
        score = 0.0
        for a in partition(rows, n):
            score += len(a) * max(len(a & b) / len(a | b) for b in partition(found, n))
        scores.append(score / n)
    return sum(scores) / len(scores)


def partition(rows, n):
    parts, part = [], set()
    for row in range(n):
        if row in rows and part:
            parts.append(part)
            part = set()
        part.add(row)
    return [*parts, part]


def true_positives(truth, found, margin):
    left, positives = set(found), set()
    for row in sorted(truth):
        near = sorted((abs(row - other), other) for other in left if abs(row - other) <= margin)
        if near:
            positives.add(row)
            left.remove(near[0][1])
    return positives


def f1(truth, found, margin):
    annotators = [set(rows) | {0} for rows in truth.values()]
    found = set(found) | {0}
    union = set().union(*annotators)
    precision = len(true_positives(union, found, margin)) / len(found)
    recalls = [len(true_positives(rows, found, margin)) / len(rows) for rows in annotators]
    recall = sum(recalls) / len(recalls)
    return 2 * precision * recall / (precision + recall)


def match(alarms, changes, within):
    """Row by row: each alarm is the first after the last change, or false."""
    delays, false, waiting = [], [], None
    missed = []
    for row in range(max([0, *alarms, *changes]) + 1):
        if row in changes:
            if waiting is not None:
                missed.append(waiting)
            waiting = row
        for _ in range(alarms.count(row)):
            if waiting is not None and row - waiting < within:
                delays.append(row - waiting)
                waiting = None
            else:
                false.append(row)
    if waiting is not None:
        missed.append(waiting)
    return delays, missed, false
