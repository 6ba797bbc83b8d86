import { followScripts } from '../support/docker-script-tests.js'

followScripts('practice')
