"""Concepts of account-based marketing, one module each; pure functions over tables."""
