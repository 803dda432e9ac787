"""Internal: what happens at ticks, from the history to rules, health and notifications."""
