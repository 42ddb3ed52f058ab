"""Documents in tables of any SQL database that SQLAlchemy reaches; what differs between them is one `Dialect`."""
