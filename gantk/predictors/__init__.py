"""What is in an image: attributes, classes, segmentation, features and the distances between them."""
