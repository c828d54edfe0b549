/* The program of the Python process behind a Gymnasium environment: the text of
 * plugins/gym/bridge.py, put into this program when it is built. */
#ifndef PPI_ENV_GYM_BRIDGE_H
#define PPI_ENV_GYM_BRIDGE_H

extern const char ppi_gym_bridge_text[];

#endif
