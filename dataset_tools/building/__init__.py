"""Makes patch datasets: cutting, labels, splitting, writing."""
