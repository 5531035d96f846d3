import { LOCAL } from '../../src/core/principal.ts'

/** Who subscribes where it does not matter who. */
export const byLocal = { principal: LOCAL, address: '' }
