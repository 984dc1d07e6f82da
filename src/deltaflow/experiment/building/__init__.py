"""Builds what a training needs from its configuration: data, theory, module, Trainer."""
