"""Which process this is, and what the processes of one computation share."""
