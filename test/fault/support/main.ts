import { type Programs, programs } from './programs.js'

// The entry of a process that tests start, trace and kill: PROGRAM ARGUMENT-AS-JSON.
const [name, argument] = process.argv.slice(2)
await programs[name as keyof Programs](JSON.parse(argument as string))
