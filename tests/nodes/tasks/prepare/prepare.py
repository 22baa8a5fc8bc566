"""Reads the penguins, drops rows with gaps, scales each measure to mean 0 and deviation 1."""

import csv

import holdfast

MEASURES = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]

source = next(holdfast.input("raw").rglob("penguins.csv"))
with open(source, newline="") as file:
    rows = [row for row in csv.DictReader(file) if all(row[name] not in ("", "NA") for name in MEASURES)]

for name in MEASURES:
    values = [float(row[name]) for row in rows]
    mean = sum(values) / len(values)
    deviation = (sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5
    for row in rows:
        row[name] = (float(row[name]) - mean) / deviation

with open(holdfast.output("clean") / "penguins.csv", "w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["species", *MEASURES])
    writer.writerows([row["species"], *(f"{row[name]:.6f}" for name in MEASURES)] for row in rows)
holdfast.metric("rows", len(rows))
print("kept", len(rows), "rows")
