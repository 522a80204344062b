"""What can be fed to a model: pipelines, files, and R code that yields batches."""
