"""One module per field type; each offers `TYPE`, an instance of `base.FieldType`."""
