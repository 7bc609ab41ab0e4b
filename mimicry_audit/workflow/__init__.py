"""What surrounds an audit: settings, gates, imported answers, the check of an installation."""
