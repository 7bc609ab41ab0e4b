"""A scored run as text and tables: Markdown, JSON, tidy tables, JUnit XML, a model card."""
