import { followScripts } from '../support/docker-script-tests.js'

followScripts('notes', 'notes-networks')
