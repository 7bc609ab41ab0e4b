"""The lab: tiny models whose lineage is known because they are trained here."""
