"""Sort pictures into folders by their labels, and put them back."""
