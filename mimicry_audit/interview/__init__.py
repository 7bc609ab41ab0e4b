"""Identity questions on their own: asked of models (`ask`), or read from transcripts (`transcripts`)."""
