"""Random documents and operations in MongoDB's language, from a small alphabet so that they meet."""
