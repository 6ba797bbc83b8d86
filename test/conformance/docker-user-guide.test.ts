import { followScripts } from '../support/docker-script-tests.js'

followScripts('user-guide', 'technology', 'terminals', 'restarts')
