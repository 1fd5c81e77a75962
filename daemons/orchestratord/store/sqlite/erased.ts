/** `content_expires_at` of a job whose content counts as erased, and is by the next sweep. */
export const ERASED = 0;
