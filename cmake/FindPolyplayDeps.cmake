# Finds every outside library and makes one interface target per library (dep::<name>), so that
# the rest of the build never spells a path. All of them are Debian packages that tools/setup
# installs; a missing one stops the configure with the package's name.

function(ppi_find_dep name package header libs)
  set(hints ${ARGN})
  find_path(PPI_${name}_INCLUDE NAMES ${header} HINTS ${hints})
  find_library(PPI_${name}_LIBRARY NAMES ${libs} HINTS ${hints})
  mark_as_advanced(PPI_${name}_INCLUDE PPI_${name}_LIBRARY)
  if(NOT PPI_${name}_INCLUDE OR NOT PPI_${name}_LIBRARY)
    message(FATAL_ERROR "${name} not found (header ${header}): install the package ${package}, "
                        "or run tools/setup")
  endif()
  add_library(dep_${name} INTERFACE)
  target_include_directories(dep_${name} SYSTEM INTERFACE ${PPI_${name}_INCLUDE})
  target_link_libraries(dep_${name} INTERFACE ${PPI_${name}_LIBRARY})
endfunction()

ppi_find_dep(dnnl libdnnl-dev dnnl.h dnnl)
ppi_find_dep(jansson libjansson-dev jansson.h jansson)
ppi_find_dep(inih libinih-dev ini.h inih)
ppi_find_dep(zlib zlib1g-dev zlib.h z)
ppi_find_dep(png libpng-dev png.h png)
ppi_find_dep(jpeg libjpeg-dev jpeglib.h jpeg)
ppi_find_dep(gif libgif-dev gif_lib.h gif)

# Debian keeps the serial HDF5 in a folder of its own, with its own library name.
find_path(PPI_hdf5_INCLUDE NAMES hdf5.h PATH_SUFFIXES hdf5/serial)
find_library(PPI_hdf5_LIBRARY NAMES hdf5_serial hdf5 PATH_SUFFIXES hdf5/serial)
mark_as_advanced(PPI_hdf5_INCLUDE PPI_hdf5_LIBRARY)
if(NOT PPI_hdf5_INCLUDE OR NOT PPI_hdf5_LIBRARY)
  message(FATAL_ERROR "HDF5 not found: install the package libhdf5-dev, or run tools/setup")
endif()
add_library(dep_hdf5 INTERFACE)
target_include_directories(dep_hdf5 SYSTEM INTERFACE ${PPI_hdf5_INCLUDE})
target_link_libraries(dep_hdf5 INTERFACE ${PPI_hdf5_LIBRARY})

find_package(OpenMP REQUIRED COMPONENTS C)
find_package(Threads REQUIRED)
