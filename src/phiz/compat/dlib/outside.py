"""Names of dlib's module that phiz does not offer: they are there, and say so when they are used.

A program that imports them, or asks what an object is, runs on; one that calls them is told to
take dlib itself.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any, NoReturn

from phiz.compat.dlib.kinds import MODULE

__all__ = ["METADATA", "NAMES", "missing", "missing_module"]

_CLASS_NAMES = """
    array cca_outputs correlation_tracker function_evaluation function_evaluation_request
    function_spec global_function_search hough_transform image_gradients line matrix
    momentum_filter no_convex_quadrilateral pair point_transform_projective pyramid_down range
    ranges rangess ranking_pair ranking_pairs rect_filter rvm_trainer_histogram_intersection
    rvm_trainer_linear rvm_trainer_radial_basis rvm_trainer_sparse_histogram_intersection
    rvm_trainer_sparse_linear rvm_trainer_sparse_radial_basis segmenter_params segmenter_test
    segmenter_type shape_predictor_training_options simple_object_detector_training_options
    simple_test_results sparse_ranking_pair sparse_ranking_pairs sparse_vector sparse_vectors
    sparse_vectorss svm_c_trainer_histogram_intersection svm_c_trainer_linear
    svm_c_trainer_radial_basis svm_c_trainer_sparse_histogram_intersection
    svm_c_trainer_sparse_linear svm_c_trainer_sparse_radial_basis svm_rank_trainer
    svm_rank_trainer_sparse
"""

_FUNCTION_NAMES = """
    add_lib_to_dll_path angle_between_lines apply_cca_transform as_grayscale assignment_cost
    auto_train_rbf_classifier cca convert_image convert_image_scaled
    count_points_between_lines count_points_on_side_of_line count_steps_without_decrease
    count_steps_without_decrease_robust cross_validate_ranking_trainer
    cross_validate_sequence_segmenter cross_validate_trainer cross_validate_trainer_threaded
    distance_to_line equalize_histogram extract_image_4points find_bright_keypoints
    find_bright_lines find_candidate_object_locations find_dark_keypoints find_dark_lines
    find_line_endpoints find_max_global find_min_global find_optimal_momentum_filter
    find_optimal_rect_filter find_peaks find_projective_transform gaussian_blur get_histogram
    hysteresis_threshold insert_image_chip intersect inv jet label_connected_blobs
    label_connected_blobs_watershed load_libsvm_formatted_data
    make_bounding_box_regression_training_data make_sparse_vector max_cost_assignment
    max_index_plus_one max_point max_point_interpolated min_barrier_distance
    normalize_image_gradients num_separable_filters probability_that_sequence_is_increasing
    randomly_color_image reduce remove_incoherent_edge_pixels reverse
    save_libsvm_formatted_data signed_distance_to_line skeleton sobel_edge_detector
    solve_structural_svm_problem spatially_filter_image spatially_filter_image_separable
    sub_image suppress_non_maximum_edges test_binary_decision_function test_ranking_function
    test_regression_function test_sequence_segmenter test_shape_predictor
    test_simple_object_detector threshold_filter_singular_values threshold_image tile_images
    train_sequence_segmenter train_shape_predictor train_simple_object_detector
    transform_image zero_border_pixels
"""

_CLASSES = frozenset(_CLASS_NAMES.split())
NAMES = _CLASSES.union(_FUNCTION_NAMES.split())
"""Everything else that dlib 20.0.1's module has."""

METADATA = "image_dataset_metadata"
_IN_METADATA = ("box", "boxes", "dataset", "image", "images", "parts")
_METADATA_FUNCTIONS = ("load_image_dataset_metadata", "save_image_dataset_metadata")


def _refuse(name: str) -> NoReturn:
    raise NotImplementedError(
        f"dlib.{name}: phiz does not do this; the package dlib does (pip install dlib)"
    )


def missing(name: str, *, inside: str = "") -> Any:
    """Return what stands for a name: a class or a function that raises NotImplementedError."""
    whole = inside + name

    def refuse(*_given: object, **_named: object) -> NoReturn:
        _refuse(whole)

    if name in _CLASSES or name in _IN_METADATA:
        base = Exception if name == "no_convex_quadrilateral" else object
        return type(name, (base,), {"__module__": MODULE, "__new__": refuse})
    refuse.__name__ = refuse.__qualname__ = name
    refuse.__module__ = MODULE
    return refuse


def missing_module() -> ModuleType:
    """Return what stands for ``dlib.image_dataset_metadata``."""
    made = ModuleType(f"{MODULE}.{METADATA}", "Names only: phiz does not offer this module.")
    for name in (*_IN_METADATA, *_METADATA_FUNCTIONS):
        setattr(made, name, missing(name, inside=f"{METADATA}."))
    return made
