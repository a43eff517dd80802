"""From feature maps and distances to the anomaly map and the image score."""
