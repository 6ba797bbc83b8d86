import type { Script } from '../docker-script.js'
import { containers } from './containers.js'
import { imageCommands } from './image-commands.js'
import { notes } from './notes.js'
import { notesNetworks } from './notes-networks.js'
import { practice } from './practice.js'
import { resources } from './resources.js'
import { restarts } from './restarts.js'
import { technology } from './technology.js'
import { terminals } from './terminals.js'
import { userGuide } from './user-guide.js'
import { usingDocker } from './using-docker.js'

/** All of them: the seeds, and what the tutorials do not use. */
export const scripts: readonly Script[] = [
  notes,
  notesNetworks,
  usingDocker,
  practice,
  userGuide,
  technology,
  containers,
  terminals,
  imageCommands,
  resources,
  restarts,
]
