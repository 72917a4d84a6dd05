"""What each of the simulated venue's paths answers."""
