"""The project's own paintings, made by code."""
