"""What `threadsworker check` looks at: here, in the rows, and at Meta and GitHub."""
