"""What judges are asked, and how their replies are read. Nothing here asks a model."""
