/** Who uses the relay; the configuration of Kamailio knows the same. */
export const user: { readonly name: string; readonly password: string } = { name: 'alice', password: 'secret1' };
