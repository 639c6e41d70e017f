"""What is done to records: operations on columns, and the plan that workers run."""
