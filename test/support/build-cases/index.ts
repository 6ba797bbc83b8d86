import { add } from './add.js'
import { type BuildCase, casesOf } from './build-case.js'
import { commands } from './commands.js'
import { copy } from './copy.js'
import { layers } from './layers.js'
import { refused } from './refused.js'
import { scopes } from './scopes.js'
import { settings } from './settings.js'
import { sources } from './sources.js'
import { syntax } from './syntax.js'
import { variables } from './variables.js'

const groups = { variables, scopes, commands, settings, syntax, copy, sources, add, layers, refused }

export type BuildGroupName = keyof typeof groups

export const buildGroups = Object.keys(groups) as BuildGroupName[]

export const buildCases = (group: BuildGroupName): BuildCase[] => casesOf(groups[group])
