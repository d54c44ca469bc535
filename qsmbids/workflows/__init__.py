"""Workflows that connect the interfaces, and the plugin that runs them."""
