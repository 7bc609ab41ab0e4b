"""What every room stands on: errors, settings' helpers, files and tables. It imports nothing else of this package."""
