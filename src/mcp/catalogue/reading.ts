import type { PageRoom } from '../../core/history.ts'
import type { Principal } from '../../core/principal.ts'

/** Memory for what one request reads from the log. */
export interface Reading {
  room: PageRoom
  /** May be called twice. */
  release(): void
}

/** What `read` gives, with the memory it may take meanwhile. @throws HubError `overloaded` */
export async function withRoom<T>(
  reading: (principal: Principal) => Reading,
  principal: Principal,
  read: (room: PageRoom) => Promise<T>,
): Promise<T> {
  const { room, release } = reading(principal)
  try {
    return await read(room)
  } finally {
    release()
  }
}
