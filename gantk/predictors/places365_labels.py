"""The 102 scene attributes of the SUN attribute database, in the order of the rows of W_sceneattribute."""

_TEXT = """
boating driving biking transporting sunbathing touring hiking climbing camping reading studying training research
diving swimming bathing eating cleaning socializing congregating waiting_in_line competing sports exercise playing
gaming spectating farming constructing shopping medical_activity working using_tools digging conducting_business
praying fencing railing wire railroad trees grass vegetation shrubbery foliage leaves flowers asphalt pavement
shingles carpet brick tiles concrete metal paper wood vinyl plastic cloth sand rock dirt marble glass surf ocean
running_water still_water ice snow clouds smoke fire natural_light sunny indoor_lighting aged glossy matte sterile
moist dry dirty rusty warm cold natural man-made open_area semi-enclosed_area enclosed_area far-away_horizon
no_horizon rugged_scene vertical_components horizontal_components symmetrical cluttered_space scary soothing
stressful
"""
SCENE_ATTRIBUTES = tuple(_TEXT.split())
