"""Anyseek inside other ecosystems: one small file for each, behind an extra of its name."""
