/** The command line is not one that can be: exit code 2. */
export class UsageError extends Error {}
