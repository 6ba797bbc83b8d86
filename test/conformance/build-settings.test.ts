import { compareWithDocker } from './support/build-corpus.js'

for (const group of ['commands', 'settings'] as const) compareWithDocker(group)
