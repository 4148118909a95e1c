"""A kernel model, NEWMA and river's metrics over one stream of dictionaries."""

from river import metrics, utils
from river.datasets import synth

from streamlyt.integrations.river import DriftDetector, Regressor

model = Regressor()
detector = DriftDetector("newma", window=50)
overall, recent = metrics.MAE(), utils.Rolling(metrics.MAE, window_size=500)

for i, (x, y) in enumerate(synth.FriedmanDrift("gra", position=(2000, 4000), seed=1).take(5000)):
    if i >= 3000:
        x = {name: 0.5 + value / 2 for name, value in x.items()}  # simulated sensor replacement
    prediction = model.predict_one(x)
    overall.update(y, prediction)
    recent.update(y, prediction)
    model.learn_one(x, y)
    detector.update(x)
    if detector.drift_detected:
        print(f"row {i}: the inputs changed at about row {detector.event.change_time}")
    if i % 1000 == 999:
        print(f"row {i}: {overall}, of the last 500 rows {recent.get():.2f}")
