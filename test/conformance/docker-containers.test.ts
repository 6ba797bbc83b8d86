import { followScripts } from '../support/docker-script-tests.js'

followScripts('containers', 'resources', 'image-commands')
