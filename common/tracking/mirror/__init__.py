"""The half of tracking that sends a run's journal to MLflow."""
