"""Recipes that ship with awase, named by their file."""

from pathlib import Path

FOLDER = Path(__file__).parent
