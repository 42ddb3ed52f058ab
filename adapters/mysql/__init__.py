"""MySQL and MariaDB: collections as tables of documents, by the dialect seam that all SQL databases share."""
