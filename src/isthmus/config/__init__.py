"""Properties files, worker and connector settings, client settings, providers."""
