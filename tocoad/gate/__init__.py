"""Promotes a challenger or keeps the champion: a pure decision from records."""
