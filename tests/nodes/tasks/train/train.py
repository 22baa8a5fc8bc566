"""Softmax regression in plain Python: which species is it, from four measures."""

import csv
import hashlib
import json
import math

import holdfast

rate, epochs = holdfast.params["rate"], holdfast.params["epochs"]
with open(next(holdfast.input("data").rglob("penguins.csv")), newline="") as file:
    lines = list(csv.reader(file))[1:]
species = sorted({line[0] for line in lines})
rows = [(species.index(line[0]), [1.0, *map(float, line[1:])]) for line in lines]
held_back = rows[::5]
training = [row for number, row in enumerate(rows) if number % 5]
weights = [[0.0] * 5 for _ in species]


def chances(measures):
    scores = [sum(w * x for w, x in zip(line, measures)) for line in weights]
    top = max(scores)
    powers = [math.exp(score - top) for score in scores]
    return [power / sum(powers) for power in powers]


def right(part):
    return sum(chances(m).index(max(chances(m))) == kind for kind, m in part) / len(part)


for epoch in range(epochs):
    loss, slope = 0.0, [[0.0] * 5 for _ in species]
    for kind, measures in training:
        guess = chances(measures)
        loss -= math.log(max(guess[kind], 1e-12))
        for which in range(len(species)):
            error = guess[which] - (which == kind)
            for i, x in enumerate(measures):
                slope[which][i] += error * x
    for which in range(len(species)):
        for i in range(5):
            weights[which][i] -= rate * slope[which][i] / len(training)
    holdfast.metric("loss", loss / len(training), epoch)

holdfast.metric("accuracy", right(held_back))
model = {"species": species, "rate": rate, "accuracy": right(held_back), "weights": weights}
text = json.dumps(model, sort_keys=True)
(holdfast.output("model") / "model.json").write_text(text)
print("sha256", hashlib.sha256(text.encode()).hexdigest())
print(f"rate {rate}: {right(held_back):.3f} of those held back are right")
