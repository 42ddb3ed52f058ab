"""What Mongoose 8 does between a call and the wire, on any database that answers as MongoDB would."""
